import { describeSeeds } from './describe-seeds.ts';

describeSeeds(301, 300);
