/** What an entry holds under a key, as what it should be: entries are read as they are, whoever wrote them. */

export type Values = Readonly<Record<string, unknown>>;

export function textIn(value: Values, key: string): string | null {
  const found = value[key];
  return typeof found === 'string' && found !== '' ? found : null;
}

/** 0 for what is no number. */
export function countIn(value: Values, key: string): number {
  const found = value[key];
  return typeof found === 'number' && Number.isFinite(found) ? found : 0;
}

export function numberIn(value: Values, key: string): number | null {
  const found = value[key];
  return typeof found === 'number' ? found : null;
}

/** The texts of a list, or the one text. */
export function textsIn(value: Values, key: string): readonly string[] {
  const found = value[key];
  if (typeof found === 'string' && found !== '') return [found];
  return Array.isArray(found) ? found.filter((each): each is string => typeof each === 'string') : [];
}

export function objectIn(value: Values, key: string): Values {
  const found = value[key];
  return typeof found === 'object' && found !== null && !Array.isArray(found) ? (found as Values) : {};
}

/** Ids of the grants that a decision rests on. */
export function grantsIn(value: Values): readonly string[] {
  const second = textIn(value, 'second_grant');
  return [...textsIn(value, 'grant'), ...(second === null ? [] : second.split(','))];
}
