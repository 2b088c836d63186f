import type { Service } from '../core/vocabulary.ts';
import { covers } from './glob.ts';
import type { Facts } from './model.ts';

/** Whether every resource of a request is on a policy's list for the service. A null list holds everything. */
export function resourcesPermitted(list: readonly string[] | null, facts: Facts): boolean {
  if (list === null || facts.naming === 'exempt' || facts.naming === 'body') return true;
  if (facts.naming === 'none' || facts.resources.length === 0) return false;
  for (let i = 0; i < facts.resources.length; i++) {
    if (!onList(list, nameOf(facts.service, facts.resources[i]!))) return false;
  }
  return true;
}

/** Whether one bucket, index or model name is on a list; `_all` is wider than any list. */
export function onList(list: readonly string[], name: string): boolean {
  if (name === '' || name === '_all') return false;
  for (let i = 0; i < list.length; i++) if (covers(list[i]!, name)) return true;
  return false;
}

/** What `resources` looks at: of bucket/key the bucket, of everything else all. */
function nameOf(service: Service, resource: string): string {
  if (service !== 'storage') return resource;
  const slash = resource.indexOf('/');
  return slash < 0 ? resource : resource.slice(0, slash);
}

/** Whether a grant's glob covers all that the request names. Null and `*` cover everything, also what has no name. */
export function resourceGranted(glob: string | null, facts: Facts): boolean {
  if (glob === null || glob === '*' || facts.naming === 'body') return true;
  if (facts.naming !== 'named' || facts.resources.length === 0) return false;
  for (let i = 0; i < facts.resources.length; i++) {
    const resource = facts.resources[i]!;
    if (resource === '_all' || !covers(glob, resource)) return false; // `_all` is a word for everything, not a name
  }
  return true;
}
