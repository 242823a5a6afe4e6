import { FakeNamespaces } from '../support/fake-namespaces.js';
import { kernelContract, type KernelHost } from './kernel.js';

function fakeHost(): KernelHost {
  const namespaces = new FakeNamespaces();
  const kernel = namespaces.add('/run/netns/one');
  namespaces.add('/run/netns/two');
  const later = (doing: () => void): Promise<void> => Promise.resolve(doing());
  return {
    kernel,
    netns: namespaces.open('/run/netns/two'),
    othersDelete: (name) => later(() => kernel.pokeLinkDel(name)),
    othersSetUp: (name, up) => later(() => kernel.pokeUp(name, up)),
    othersFlush: (name) => later(() => kernel.pokeFlush(name)),
    close: () => kernel.close(),
  };
}

kernelContract('FakeKernel', fakeHost);
