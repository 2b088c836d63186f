/**
 * Whether `glob` covers everything that `name` can mean. In `glob` only `*` is special: any run of characters, `/` too.
 * `name` may itself hold `*` (a search index expression): its star is then a character that only a star of the glob
 * takes, so that `acme-*` covers `acme-2*`, and `acme-2*` does not cover `acme-*`.
 * Runs in O(glob × name) at worst, without a regular expression that could be made to backtrack.
 */
export function covers(glob: string, name: string): boolean {
  let g = 0;
  let n = 0;
  let star = -1;
  let resume = 0;
  while (n < name.length) {
    const c = glob.charCodeAt(g);
    if (c === STAR) {
      star = g++;
      resume = n;
    } else if (g < glob.length && c === name.charCodeAt(n)) {
      g++;
      n++;
    } else if (star >= 0) {
      g = star + 1;
      n = ++resume;
    } else {
      return false;
    }
  }
  while (glob.charCodeAt(g) === STAR) g++;
  return g === glob.length;
}

const STAR = 42;
