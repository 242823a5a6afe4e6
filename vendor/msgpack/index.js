// swim requires the native `msgpack`, which no longer compiles. These are the two functions it calls.
'use strict';
const msgpack = require('msgpack-lite');
exports.pack = (value) => msgpack.encode(value);
exports.unpack = (bytes) => msgpack.decode(bytes);
