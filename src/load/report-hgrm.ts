// The percentile report of HdrHistogram (.hgrm), which its plotters read: of the trial that the report's summary rests on, in ms.
import { decodeFromCompressedBase64, type Histogram } from "hdr-histogram-js";
import { LoadError } from "../errors.js";
import { nsPerMs } from "../units.js";
import { chosenTrial, type Report } from "./answer.js";

/** Steps in each half of what is left up to 100 %, as HdrHistogram's own tools print. */
const stepsPerHalf = 5;

/** renderHgrm writes the distribution by percentile, in ms. Throws LoadError where there is no trial, or its histogram is damaged. */
export function renderHgrm(report: Report, file = "report"): string {
  const trial = chosenTrial(report);
  if (!trial) throw new LoadError("ERR_LOAD_REPORT", `${file}: expected a trial, got none`, file);
  let histogram: Histogram;
  try {
    histogram = decodeFromCompressedBase64(trial.hdr, 64);
  } catch (error) {
    const message = `${file}: trial ${trial.trial}: expected the base64 of an HdrHistogram in hdr, got what cannot be decoded`;
    throw new LoadError("ERR_LOAD_REPORT", message, file, undefined, { cause: error });
  }
  return histogram.outputPercentileDistribution(stepsPerHalf, nsPerMs);
}
