// One measurement of Emmett (@event-driven-io/emmett-postgresql), for peers_bench.py.
//
//   node emmett.mjs prepare URL EVENTS STREAMS
//   node emmett.mjs append URL EVENTS CONCURRENCY SECONDS RUN
//   node emmett.mjs read URL EVENTS CONCURRENCY SECONDS STREAMS
//
// EVENTS is a file of generate_events. `prepare` makes the tables, and streams of a hundred events; the others
// print appends or reads a second.

import { webcrypto } from 'node:crypto';
import { readFileSync } from 'node:fs';

import { STREAM_DOES_NOT_EXIST } from '@event-driven-io/emmett';
import { getPostgreSQLEventStore } from '@event-driven-io/emmett-postgresql';
import pg from 'pg';

globalThis.crypto ??= webcrypto; // Emmett wants it; Node.js 18 keeps it in a module

const WARM_UP_SECONDS = 1; // in which the schema is looked at, connections opened and functions compiled
const EVENTS_IN_STREAM = 100;
const CONNECTIONS_MAX = 32; // with 128 it was slower, with the 10 of a plain pool as well

const [workload, url, eventsFile, ...numbers] = process.argv.slice(2);
const events = readFileSync(eventsFile, 'utf8')
  .trimEnd()
  .split('\n')
  .map((line) => JSON.parse(line))
  .map(({ type, data, metadata }) => ({ type, data, metadata }));

const streamName = (number) => `read-${number}`;
const createOnly = { expectedStreamVersion: STREAM_DOES_NOT_EXIST };

// So many loops at once, each doing one operation after another; operations a second.
async function rate(concurrency, seconds, operation) {
  let done = 0;
  const start = performance.now();
  const end = start + seconds * 1000;
  const loop = async (first) => {
    for (let number = first; performance.now() < end; number += concurrency) {
      await operation(number);
      ++done;
    }
  };
  await Promise.all(Array.from({ length: concurrency }, (_, first) => loop(first)));
  return done / ((performance.now() - start) / 1000);
}

async function measure(concurrency, seconds, operation) {
  await rate(concurrency, WARM_UP_SECONDS, (number) => operation(number, 'warm'));
  console.log(await rate(concurrency, seconds, (number) => operation(number, 'measured')));
}

const workloads = {
  async prepare(store, streams) {
    for (let stream = 0; stream < streams; ++stream) {
      const first = stream * EVENTS_IN_STREAM;
      const batch = Array.from({ length: EVENTS_IN_STREAM }, (_, n) => events[(first + n) % events.length]);
      await store.appendToStream(streamName(stream), batch, createOnly);
    }
  },

  append: (store, concurrency, seconds, run) =>
    measure(concurrency, seconds, (number, phase) =>
      store.appendToStream(`order-${run}-${phase}-${number}`, [events[number % events.length]], createOnly),
    ),

  read: (store, concurrency, seconds, streams) =>
    measure(concurrency, seconds, async (number) => {
      const { events: read } = await store.readStream(streamName(number % streams));
      if (read.length !== EVENTS_IN_STREAM) throw new Error(`read ${read.length} events`);
    }),
};

const concurrency = workload === 'prepare' ? 1 : Number(numbers[0]);
const pool = new pg.Pool({ connectionString: url, max: Math.min(concurrency, CONNECTIONS_MAX) });
const store = getPostgreSQLEventStore(url, { connectionOptions: { pool } });
await workloads[workload](store, ...numbers.map(Number));
await store.close();
await pool.end();
