import { describeSeeds } from './describe-seeds.ts';

describeSeeds(401, 150);
