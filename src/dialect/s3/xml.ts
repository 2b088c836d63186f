/**
 * The element names of a small XML document, in order, or null when it is not one that every parser reads alike: a
 * document type, comments, CDATA, processing instructions, prefixes, and attributes other than `xmlns` are all refused,
 * as is any encoding but UTF-8. Source: W3C XML 1.0, of which this is a small part.
 */
export function elementNames(text: string): readonly string[] | null {
  const declaration =
    /^<\?xml version=(?:"1\.0"|'1\.0')(?: encoding=(?:"utf-8"|'utf-8'))?(?: standalone="yes")? ?\?>/i.exec(text);
  let at = declaration === null ? 0 : declaration[0].length;
  const names: string[] = [];
  const open: string[] = [];
  let roots = 0;
  TAG.lastIndex = at;
  while (at < text.length) {
    const start = text.indexOf('<', at);
    const between = start < 0 ? text.slice(at) : text.slice(at, start);
    if (
      between !== '' &&
      (open.length === 0 ? /[^ \t\r\n]/ : /[^\t\r\n\x20-\x7e\x80-\uffff]|&(?!(?:amp|lt|gt|quot|apos);)/).test(between)
    ) {
      return null;
    }
    if (start < 0) break;
    TAG.lastIndex = start;
    const tag = TAG.exec(text);
    if (tag === null) return null;
    const [whole, slash, name, attributes, empty] = tag as unknown as [string, string, string, string, string];
    at = start + whole.length;
    if (slash === '/') {
      if (attributes !== '' || empty === '/' || open.pop() !== name) return null;
      continue;
    }
    if (open.length === 0 && ++roots > 1) return null;
    names.push(name);
    if (empty !== '/') open.push(name);
  }
  return open.length === 0 && roots === 1 ? names : null;
}

const TAG = /<(\/?)([A-Za-z][A-Za-z0-9]*)((?:\s+xmlns=(?:"[^"<&]*"|'[^'<&]*'))?)\s*(\/?)>/y;
