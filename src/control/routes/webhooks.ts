import { Type } from 'typebox';
import { closed, nullable } from '../../core/schema.ts';
import { deliveryState } from '../../store/events.ts';
import { GIVEN_UP_AFTER } from '../webhooks.ts';
import { route, type AnyRoute } from '../route.ts';

const WEBHOOK = closed({
  receiver: Type.String({ description: 'Where it is: its path may hold a secret and is not shown.' }),
  events: Type.Array(Type.String(), { description: 'Kinds that it is told of; empty = all.' }),
  delivered: Type.Integer({ description: 'Of the last seven days.' }),
  waiting: Type.Integer({ description: 'To be tried, or tried again.' }),
  last_error: nullable(Type.String(), { description: 'Of the oldest that is waiting.' }),
});

export const WEBHOOK_ROUTES: readonly AnyRoute[] = [
  route({
    method: 'GET',
    path: '/api/v1/webhooks',
    action: 'webhooks.read',
    tag: 'webhooks',
    summary: 'The webhooks of this control plane, and how their deliveries stand',
    answers: { 200: closed({ items: Type.Array(WEBHOOK) }) },
    async handle({ context: { store, settings } }) {
      const since = (await store.now()) - GIVEN_UP_AFTER;
      const items = [];
      for (const { url, events } of settings.webhooks) {
        const { delivered, waiting, lastError } = await deliveryState(store.db, url.href, since);
        items.push({ receiver: url.origin, events, delivered, waiting, last_error: lastError });
      }
      return { body: { items } };
    },
  }),
];
