import { describeStores } from '@skein/testkit';
import { createLibsqlHarness } from '../test/libsql-harness.ts';

describeStores('libSQL', createLibsqlHarness);
