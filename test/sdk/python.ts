import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { createInterface } from 'node:readline';

/** One call of boto3, as `boto3_calls.py` takes it. */
export interface Call {
  readonly service: 's3' | 'bedrock-runtime';
  readonly endpoint: string;
  readonly facts: Readonly<Record<string, string>>;
  readonly call: string;
  readonly arguments: Readonly<Record<string, unknown>>;
}

/** What boto3 raised. */
export class BotoError extends Error {
  readonly type: string;
  readonly code: string | null;
  readonly status: number | null;
  readonly headers: Readonly<Record<string, string>>;
  readonly attempts: number;

  constructor(told: Pick<BotoError, 'type' | 'message' | 'code' | 'status' | 'headers' | 'attempts'>) {
    super(told.message);
    this.type = told.type;
    this.code = told.code;
    this.status = told.status;
    this.headers = told.headers;
    this.attempts = told.attempts;
  }
}

type Answer = { readonly value: unknown } | { readonly error: BotoError };

/** A Python process with boto3, which makes one call at a time. */
export class Boto3 {
  readonly #process;
  readonly #answers;
  #complaint = '';

  /** @param python path of a Python that has boto3 */
  constructor(python: string) {
    const files = { AWS_CONFIG_FILE: '/dev/null', AWS_SHARED_CREDENTIALS_FILE: '/dev/null' };
    this.#process = spawn(python, [join(import.meta.dirname, 'boto3_calls.py')], {
      env: { ...process.env, ...files, AWS_EC2_METADATA_DISABLED: 'true' },
      stdio: ['pipe', 'pipe', 'pipe'],
    });
    this.#process.stderr.setEncoding('utf8').on('data', (text: string) => (this.#complaint += text));
    this.#answers = createInterface({ input: this.#process.stdout })[Symbol.asyncIterator]();
  }

  /** @throws BotoError what boto3 raised; Error when Python itself failed */
  async call<T>(call: Call): Promise<T> {
    this.#process.stdin.write(`${JSON.stringify(call)}\n`);
    const { value: line, done } = await this.#answers.next();
    if (done === true) throw new Error(`Python ended: ${this.#complaint}`);
    const answer = JSON.parse(line) as Answer;
    if ('error' in answer) throw new BotoError(answer.error);
    return answer.value as T;
  }

  async close(): Promise<void> {
    if (this.#process.exitCode !== null) return;
    this.#process.stdin.end();
    await once(this.#process, 'close');
  }
}
