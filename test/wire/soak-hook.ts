// Loaded into the process under test (`--import`): SIGPWR collects all garbage, so that what is left is held by somebody.
const { gc } = globalThis;
if (gc === undefined) throw new Error('start it with --expose-gc');
process.on('SIGPWR', () => {
  // Twice: what finalisers let go of is garbage of the second.
  void gc();
  setImmediate(() => void gc());
});
