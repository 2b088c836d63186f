import { hint } from '../core/closest.ts';
import { CLASSIFICATIONS, type Classification } from '../core/vocabulary.ts';
import { PROBLEMS_TOLD, type Call } from './call.ts';
import type { FieldProblem } from './problem.ts';
import type { Registry } from './registry.ts';

type Path = readonly (string | number)[];

/**
 * Reads the names in a body: regions by id or cloud region name, classes by themselves or an alias. What is unknown is
 * gathered, so that every problem is told at once.
 */
export class Names {
  readonly #call: Call;
  readonly #registry: Pick<Registry, 'catalogue' | 'aliases'>;
  readonly #problems: FieldProblem[] = [];

  constructor(call: Call) {
    this.#call = call;
    this.#registry = call.context.registry;
  }

  /** Id of a region; the name itself where it is unknown, and then `check` throws. */
  region(name: string, ...path: Path): string {
    this.#noMore();
    const { catalogue } = this.#registry;
    const region = catalogue.find(name);
    if (region !== null) return region.id;
    const names = catalogue.regions.flatMap(({ id, cloudRegion }) => [id, cloudRegion]);
    this.#problems.push(this.#call.problem(path, `there is no region ${name}${hint(name, names)}`));
    return name;
  }

  /** As `region`, for each of a list. */
  regions(names: readonly string[], ...path: Path): string[] {
    return names.map((name, i) => this.region(name, ...path, i));
  }

  /** The class that a word means; `identity`, the strictest, where it means none, and then `check` throws. */
  classification(word: string, ...path: Path): Classification {
    this.#noMore();
    const { aliases } = this.#registry;
    const meant = isClassification(word) ? word : aliases.get(word);
    if (meant !== undefined) return meant;
    const known = [...CLASSIFICATIONS, ...aliases.keys()];
    const message = `${word} is no class${hint(word, known)}: use one of ${known.join(', ')}`;
    this.#problems.push(this.#call.problem(path, message));
    return 'identity';
  }

  /** Once there is more than will be told, nothing else is looked up. @throws ApiError 400 */
  #noMore(): void {
    if (this.#problems.length >= PROBLEMS_TOLD) this.check();
  }

  /** @throws ApiError 400 when a name was unknown, or there are more problems */
  check(...more: readonly FieldProblem[]): void {
    const problems = [...this.#problems, ...more];
    if (problems.length > 0) throw this.#call.bad(...problems);
  }
}

function isClassification(word: string): word is Classification {
  return (CLASSIFICATIONS as readonly string[]).includes(word);
}
