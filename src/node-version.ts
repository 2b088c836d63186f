/** Imported before all else: ends with one line where Node is too old to run the rest. */
const version = process.versions.node;

if (Number(version.slice(0, version.indexOf('.'))) < 24) {
  process.stderr.write(
    `domicile: Node.js ${version} is too old, 24 or later is needed: npm install --global node@24\n`,
  );
  process.exit(1);
}
