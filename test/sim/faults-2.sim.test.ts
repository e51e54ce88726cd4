import { describeSeeds } from './describe-seeds.ts';

describeSeeds(1_001, 1_000);
