// Prints what a busy life comes to. usage: node busy-life-process.js SEED
import { busyLife } from './busy-life.js';

console.log(busyLife(Number(process.argv[2])).digest);
