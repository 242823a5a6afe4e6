// swim requires the native `farmhash` for membership.checksum() alone, which mesh does not use.
'use strict';
const { createHash } = require('node:crypto');
exports.hash64 = (text) => createHash('sha1').update(text).digest('hex').slice(0, 16);
