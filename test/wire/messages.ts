import { MALFORMED_BODIES } from './malformed-bodies.ts';
import { MALFORMED_HEADS } from './malformed-heads.ts';
import type { Message } from './message.ts';
import { VALID } from './valid-messages.ts';

/**
 * Conversations of every kind known: RFC 9110 and 9112, the tests of llhttp, the lists of http-garden and httpxy, and
 * what DESIGN 1.9 settles.
 */
export const MESSAGES: readonly Message[] = [...VALID, ...MALFORMED_HEADS, ...MALFORMED_BODIES];
