import { badBody, conflict, type Call } from './call.ts';
import type { ApiError } from './problem.ts';
import type { WriteProblem } from './write-checks.ts';

/** What is wrong in itself is a 400, before anything that contradicts something else, which is a 409. */
export function writeRefusal(call: Call, problems: readonly WriteProblem[]): ApiError {
  const wrong = problems.filter(({ conflict: isConflict }) => !isConflict);
  if (wrong.length > 0) return badBody(wrong.map(({ path, message }) => call.problem(path, message)));
  return conflict(problems.map(({ message }) => message).join('; '));
}
