// Files that the doctor reads: /etc/network/interfaces and systemd units.
import { describe, expect, it } from "vitest";
import { readInterfaces } from "../../src/doctor/interfaces.js";
import { readUnit } from "../../src/doctor/unit.js";

function filesOf(texts: Readonly<Record<string, string>>) {
  return {
    read: (path: string) => texts[path],
    list: (directory: string) =>
      Object.keys(texts)
        .filter((path) => path.startsWith(`${directory}/`))
        .map((path) => path.slice(directory.length + 1))
        .filter((name) => !name.includes("/"))
        .sort(),
  };
}

describe("/etc/network/interfaces", () => {
  it("gives each stanza with its addresses, and whether it is up at boot", () => {
    const files = filesOf({
      "/etc/network/interfaces":
        "# auto lo:1\nauto lo lo:0\niface lo inet loopback\niface lo:0 inet static\n\taddress 203.0.113.53/32\niface lo:1 inet static\n  address 203.0.113.54\n",
    });
    expect(readInterfaces(files)).toMatchObject([
      { name: "lo", line: 3, addresses: [], auto: true },
      { name: "lo:0", line: 4, addresses: ["203.0.113.53"], auto: true },
      { name: "lo:1", line: 6, addresses: ["203.0.113.54"], auto: false },
    ]);
  });

  it("is read with what it sources, and no file for ever", () => {
    const files = filesOf({
      "/etc/network/interfaces": "source /etc/network/interfaces.d/*.cfg\nsource-directory more\nsource interfaces\n",
      "/etc/network/interfaces.d/a.cfg": "allow-hotplug eth0\niface eth0 inet static\n address 198.18.0.2/24\n",
      "/etc/network/interfaces.d/b.bak": "iface eth1 inet dhcp\n",
      "/etc/network/more/good": "iface eth2 inet dhcp\n",
      "/etc/network/more/bad.old": "iface eth3 inet dhcp\n",
    });
    const names = new Set(readInterfaces(files).map(({ name, file, auto }) => `${name} ${file} ${auto}`));
    expect([...names]).toEqual(["eth0 /etc/network/interfaces.d/a.cfg true", "eth2 /etc/network/more/good false"]);
  });
});

describe("a systemd unit", () => {
  const packaged = "/usr/lib/systemd/system/anyprobe.service";
  const dropIn = (root: string, name: string) => `${root}/systemd/system/anyprobe.service.d/${name}`;

  it("is none where no file is", () => {
    expect(readUnit(filesOf({}), "anyprobe.service")).toBeUndefined();
  });

  it("is read with its drop-ins, of which an administrator's hide those of a package", () => {
    const unit = readUnit(
      filesOf({
        [packaged]: "[Unit]\nUser=nobody\n[Service]\nDynamicUser=yes\nSupplementaryGroups=a b\n",
        [dropIn("/usr/lib", "10.conf")]: "[Service]\nUser=hidden\n",
        [dropIn("/etc", "10.conf")]: "[Service]\nSupplementaryGroups=\nSupplementaryGroups=c \\\n d\n",
        [dropIn("/run", "20.conf")]: "[Service]\nSupplementaryGroups=e\n",
      }),
      "anyprobe.service",
    )!;
    expect([unit.file, unit.user, unit.words("SupplementaryGroups")]).toEqual([packaged, "anyprobe", ["c", "d", "e"]]);
  });

  it.each([
    ["[Service]\n", "root"],
    ["[Service]\nUser=dns\nDynamicUser=yes\n", "dns"],
    ["[Service]\nUser=0\n", "root"],
    ["[Service]\nUser=dns\nUser=\n", "root"],
  ])("of %j runs as %s", (text, user) => {
    expect(readUnit(filesOf({ "/etc/systemd/system/x.service": text }), "x.service")?.user).toBe(user);
  });
});
