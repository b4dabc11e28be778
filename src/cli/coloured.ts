// Whether what is printed may be in colour.

/** coloured tells whether a person looks on at stdout, and wants colours. */
export function coloured(): boolean {
  return process.stdout.isTTY === true && !process.env["NO_COLOR"];
}
