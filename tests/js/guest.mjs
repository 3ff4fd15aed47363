// A js-libp2p client. What it is told comes out as JSON, one object a line, for
// tests/it/processes/javascript.rs.
//
//   node guest.mjs welcome ADDRESS   what a bootstrap gives a guest
//   node guest.mjs knock ADDRESS     what a node that did not approve it gives it

import { circuitRelayTransport } from '@libp2p/circuit-relay-v2'
import { identify } from '@libp2p/identify'
import { kadDHT, passthroughMapper } from '@libp2p/kad-dht'
import { noise } from '@libp2p/noise'
import { ping } from '@libp2p/ping'
import { tcp } from '@libp2p/tcp'
import { yamux } from '@libp2p/yamux'
import { multiaddr } from '@multiformats/multiaddr'
import { createLibp2p } from 'libp2p'

// How bootstraps and members speak Kademlia.
const KADEMLIA = '/dtim/kad/1'
// Nothing takes that long; it only ends what hangs.
const PATIENCE = 30_000
// Between two looks.
const PAUSE = 20

const [manner, address] = process.argv.slice(2)
const remote = multiaddr(address)
const signal = AbortSignal.timeout(PATIENCE)

function say (event, more = {}) {
  console.log(JSON.stringify({ event, ...more }))
}

/** A client; `listen` are the addresses at which it wants to be met. */
async function client (listen = []) {
  return await createLibp2p({
    addresses: { listen },
    transports: [tcp(), circuitRelayTransport()],
    connectionEncrypters: [noise()],
    streamMuxers: [yamux()],
    // What it does is done here, one thing after the other.
    connectionManager: { maxParallelReconnects: 0 },
    services: {
      identify: identify({ runOnConnectionOpen: manner === 'welcome' }),
      ping: ping(),
      kademlia: kadDHT({
        protocol: KADEMLIA,
        clientMode: true,
        // The bootstrap of a test has a private address.
        peerInfoMapper: passthroughMapper
      })
    }
  })
}

async function until (what, probe) {
  for (;;) {
    const found = await probe()
    if (found !== undefined && found !== false) return found
    if (signal.aborted) throw new Error(`not within ${PATIENCE} ms: ${what}`)
    await new Promise((resolve) => setTimeout(resolve, PAUSE))
  }
}

async function welcome () {
  const guest = await client()
  const identified = new Promise((resolve) => {
    guest.addEventListener('peer:identify', ({ detail }) => resolve(detail), { once: true })
  })
  const connection = await guest.dial(remote, { signal })
  const { agentVersion, protocols, observedAddr } = await identified
  say('identify', { agent: agentVersion, protocols, observed: observedAddr?.toString() })
  // Kademlia's table pings as well, and a node answers the newest ping of a connection only.
  const milliseconds = await until('a ping', async () => {
    return await guest.services.ping.ping(connection.remotePeer, { signal }).catch(() => undefined)
  })
  say('ping', { milliseconds })

  // The query asks the bootstrap for whoever is closest to this key, as soon as it is known to speak Kademlia.
  const key = guest.peerId.toMultihash().bytes
  const answers = await until('a Kademlia answer', async () => {
    const answers = []
    for await (const event of guest.services.kademlia.getClosestPeers(key, { signal })) {
      if (event.name === 'PEER_RESPONSE') {
        answers.push({ from: event.from.toString(), closer: event.closer.map((peer) => peer.id.toString()) })
      }
    }
    return answers.length > 0 && answers
  })
  say('kademlia', { answers })
  await guest.stop()

  // It waits for the relay while it starts, and fails if there is no reservation.
  const relayed = await client([`${address}/p2p-circuit`])
  const own = await until('a reservation', () => relayed.getMultiaddrs().map(String).find((own) => own.includes('/p2p-circuit')))
  say('reservation', { address: own })

  // And whoever knows that address meets it there.
  const other = await client()
  const circuit = await other.dial(multiaddr(own), { signal })
  say('circuit', { peer: circuit.remotePeer.toString(), limits: circuit.limits !== undefined })
  await other.stop()
  await relayed.stop()
}

async function knock () {
  const guest = await client()
  const connection = await guest.dial(remote, { signal })
  say('connected')
  const attempts = {
    identify: async () => { await guest.services.identify.identify(connection, { signal }) },
    ping: async () => { await guest.services.ping.ping(connection.remotePeer, { signal }) },
    kademlia: async () => { await connection.newStream(KADEMLIA, { signal }) },
    reservation: async () => { await connection.newStream('/libp2p/circuit/relay/0.2.0/hop', { signal }) },
    gossip: async () => { await connection.newStream('/meshsub/1.1.0', { signal }) }
  }
  const got = {}
  for (const [name, attempt] of Object.entries(attempts)) {
    got[name] = await attempt().then(() => true, () => false)
  }
  await until('the node closes', () => connection.status !== 'open')
  say('closed', { got })
  await guest.stop()
}

await ({ welcome, knock })[manner]()
say('done')
process.exit(0)
