// /counter?NAME answers how many requests with this query there were, across all worker threads, this one included. The number lies in
// the tenant's key-value store.

import { kvIncrement, query, respond } from './luge';

export function handle(): void {
  respond(200, kvIncrement(query(), 1).toString() + '\n');
}
