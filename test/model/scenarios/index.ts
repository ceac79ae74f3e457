/** All that is explored. */
import type { Scenario } from '../scenario.ts';
import { budgetScenarios } from './budget.ts';
import { dequeScenarios } from './deque.ts';
import { feedScenarios } from './feed.ts';
import { globalQueueScenarios } from './global-queue.ts';
import { heapScenarios } from './heap.ts';
import { parkingScenarios } from './parking.ts';
import { partsScenarios } from './parts.ts';
import { chunkPoolScenarios, freeListMarkScenarios, freeListScenarios } from './pools.ts';
import { completionScenarios, mpmcScenarios, spscScenarios } from './rings.ts';
import { tableScenarios } from './table.ts';

export const SCENARIOS: readonly Scenario[] = [
  ...dequeScenarios,
  ...mpmcScenarios,
  ...spscScenarios,
  ...completionScenarios,
  ...freeListScenarios,
  ...freeListMarkScenarios,
  ...chunkPoolScenarios,
  ...heapScenarios,
  ...globalQueueScenarios,
  ...tableScenarios,
  ...parkingScenarios,
  ...partsScenarios,
  ...feedScenarios,
  ...budgetScenarios,
];
