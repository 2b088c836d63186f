import type { PolicySet } from '../../policy/policy-set.ts';
import { tellsApart, type Catalogue } from '../../region/catalogue.ts';
import { fileProblem, type FileProblem } from './problem.ts';
import { shownName } from './source-file.ts';

/** Tenants that will be refused wherever a template cannot tell them from others; a warning for each, at one place. */
export function tenantsNotToldApart(file: string, catalogue: Catalogue, { policies }: PolicySet): FileProblem[] {
  const templates = new Map<string, string>();
  for (const { index, endpoints } of catalogue.regions) {
    const add = (key: string, template: string | undefined) => {
      if (template?.includes('{tenant}') && !templates.has(template))
        templates.set(template, `regions[${index}].endpoints.${key}`);
    };
    add('storage.bucket', endpoints.s3?.bucket);
    add('search.index', endpoints.opensearch?.index);
  }
  const tenants = new Set(policies.map(({ tenantId }) => tenantId).filter((tenant) => tenant !== null));
  return [...templates].flatMap(([template, key]) =>
    [...tenants]
      .filter((tenant) => !tellsApart(template, tenant))
      .map((tenant) => ({
        ...fileProblem(
          shownName(file),
          'tenant_not_told_apart',
          `${template} cannot tell tenant ${tenant} from others, so its requests are refused here`,
          'put a separator into the template that no tenant id holds, such as --',
          1,
          key,
        ),
        severity: 'warning' as const,
      })),
  );
}
