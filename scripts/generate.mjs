// Everything that is generated and committed; a test beside each output proves that it is current.
import './crash-matrix.mjs';
import './generate-dag-schema.mjs';
import './generate-proto.mjs';
import './rollout-proof.mjs';
