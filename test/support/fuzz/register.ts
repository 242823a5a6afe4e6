// `node --import` this and every property of fast-check runs MESH_FUZZ times, whatever number the test asks for.
import { register } from 'node:module';

register('./resolve.js', import.meta.url);
