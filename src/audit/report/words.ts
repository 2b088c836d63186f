/** Numbers and times as people read them, the same wherever the report is made. */

/** 1234567 → `1,234,567`. */
export function number(value: number): string {
  return value.toLocaleString('en-US');
}

/** `1 request`, `2 requests`. */
export function plural(count: number, one: string, many: string): string {
  return `${number(count)} ${count === 1 ? one : many}`;
}

/** `2026-11-24 15:00:00 UTC`. @param time RFC 3339, or milliseconds since the epoch */
export function moment(time: string | number): string {
  const at = new Date(time);
  return Number.isNaN(at.getTime()) ? String(time) : `${at.toISOString().slice(0, 19).replace('T', ' ')} UTC`;
}

/** 0.1234 → `12.3 %`. */
export function percent(share: number | null): string {
  return share === null ? '–' : `${(share * 100).toFixed(1)} %`;
}

const UNITS = ['B', 'kB', 'MB', 'GB', 'TB'] as const;

/** 1234567 → `1.2 MB`, in powers of ten. */
export function bytes(count: number): string {
  let value = count;
  let unit = 0;
  while (value >= (unit === 0 ? 1000 : 999.95) && unit < UNITS.length - 1) {
    value /= 1000;
    unit++;
  }
  return `${unit === 0 ? number(value) : value.toFixed(1)} ${UNITS[unit]}`;
}

/** Milliseconds → `3 h 12 min`. */
export function duration(ms: number | null): string {
  if (ms === null) return '–';
  const minutes = Math.round(ms / 60_000);
  if (minutes < 1) return `${Math.round(ms / 1000)} s`;
  if (minutes < 60) return `${minutes} min`;
  const hours = Math.floor(minutes / 60);
  return hours < 48 ? `${hours} h ${minutes % 60} min` : `${Math.round(hours / 24)} d`;
}
