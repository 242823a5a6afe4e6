// A program (LINK HEX...): sends each frame as it is, from the link's namespace, and says how many the kernel took.
import { bindSocket, linkIndexOf, openSocket, sendBytes } from '../../datapath/syscalls.js';

const [AF_PACKET, SOCK_RAW] = [17, 3];

const [link = '', ...frames] = process.argv.slice(2);
const fd = openSocket(AF_PACKET, SOCK_RAW, 0);
const address = new Uint8Array(20); // struct sockaddr_ll
const view = new DataView(address.buffer);
view.setUint16(0, AF_PACKET, true);
view.setInt32(4, linkIndexOf(link)!, true);
bindSocket(fd, address);
console.log(frames.filter((hex) => sendBytes(fd, Buffer.from(hex, 'hex')) >= 0).length);
