import { FakeNft } from '../support/fake-nft.js';
import { nftKernelContract } from './nft-kernel.js';

nftKernelContract('FakeNft', () => {
  const nft = new FakeNft('t');
  return {
    kernel: nft,
    create: () => {
      nft.ruleCount = 1;
      nft.create('a', 'b');
    },
    frame: (bytes) => nft.count('a', '7f000001', bytes),
    close: () => undefined,
  };
});
