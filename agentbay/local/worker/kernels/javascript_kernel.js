// The program that is the JavaScript kernel: node, with the semantics of its own console.
//
// The main thread runs the code, by the inspector's REPL mode: declarations stay and may be made
// again, and `await` works at the top level. A second thread reads the messages of the host, so
// that code which never gives control back can still be interrupted.
'use strict';

const fs = require('fs');
const inspector = require('inspector');
const net = require('net');
const path = require('path');
const { createRequire } = require('module');
const { inspect } = require('util');
const { Worker, isMainThread, parentPort, workerData } = require('worker_threads');

function send(fd, message) {
  const body = Buffer.from(JSON.stringify(message));
  const frame = Buffer.alloc(4 + body.length);
  frame.writeUInt32BE(body.length);
  body.copy(frame, 4);
  for (let sent = 0; sent < frame.length; ) sent += fs.writeSync(fd, frame, sent);
}

async function receive(fd, take) {
  let buffer = Buffer.alloc(0);
  // A socket, for a file would be read by a thread, which an exit has to wait for.
  for await (const chunk of new net.Socket({ fd, writable: false })) {
    buffer = Buffer.concat([buffer, chunk]);
    for (;;) {
      const end = buffer.length < 4 ? Infinity : 4 + buffer.readUInt32BE();
      if (buffer.length < end) break;
      const message = JSON.parse(buffer.subarray(4, end));
      buffer = buffer.subarray(end);
      await take(message);
    }
  }
}

async function control(input) {
  await receive(input, async (message) => {
    if (message.type === 'interrupt') await terminate();
    parentPort.postMessage(message);
  });
  process.kill(process.pid, 'SIGKILL'); // the host has ended
}

// Connected for a moment only: a process that ends waits for those who debug it.
function terminate() {
  const session = new inspector.Session();
  session.connectToMainThread();
  return new Promise((resolve) =>
    session.post('Runtime.terminateExecution', () => {
      session.disconnect();
      resolve();
    }),
  );
}

class Kernel {
  constructor(output) {
    this.output = output;
    this.running = 0;
    this.count = 0;
    this.session = new inspector.Session();
    this.session.connect();
  }

  post(method, parameters) {
    return new Promise((resolve, reject) =>
      this.session.post(method, parameters, (error, answer) =>
        error ? reject(error) : resolve(answer),
      ),
    );
  }

  async run(code) {
    const number = (this.running = ++this.count);
    let answer = null;
    try {
      answer = await this.post('Runtime.evaluate', {
        expression: code,
        replMode: true,
        awaitPromise: true,
      });
    } catch {
      // Terminated: there is no answer.
    }
    if (this.running !== number) return; // given up
    try {
      this.tell(answer);
    } catch (error) {
      this.fail(error); // the code's own, of a getter for example
    }
    this.end();
  }

  tell(answer) {
    if (answer === null) this.interrupted();
    else if (answer.exceptionDetails) this.fail(this.valueOf(answer.exceptionDetails.exception));
    else this.show(this.valueOf(answer.result));
  }

  // The inspector names values by ids; a function that it calls gets the value itself.
  valueOf(remote) {
    if (!remote.objectId) {
      if ('unserializableValue' in remote) return (0, eval)(`(${remote.unserializableValue})`);
      return remote.type === 'undefined' ? undefined : remote.value;
    }
    let held;
    globalThis[HOLD] = (value) => (held = value);
    this.session.post(
      'Runtime.callFunctionOn',
      {
        functionDeclaration: `function (value) { globalThis[Symbol.for('${HOLD.description}')](value); }`,
        objectId: remote.objectId,
        arguments: [{ objectId: remote.objectId }],
      },
      () => {},
    );
    delete globalThis[HOLD];
    this.session.post('Runtime.releaseObject', { objectId: remote.objectId }, () => {});
    return held;
  }

  show(value) {
    if (value === undefined) return;
    const mime = { 'text/plain': inspect(value) };
    send(this.output, { type: 'result', is_main: true, mime });
  }

  fail(error) {
    if (error instanceof Error) {
      const { name, message } = error;
      const lines = String(error.stack || `${name}: ${message}`).split('\n');
      const ours = lines.findIndex((line) => line.includes('(node:inspector:'));
      const traceback = lines.slice(0, ours < 0 ? undefined : ours).join('\n');
      this.error(String(name), String(message), traceback);
    } else {
      this.error('Error', `Uncaught ${inspect(error)}`, '');
    }
  }

  interrupted() {
    this.error('KeyboardInterrupt', 'The execution was interrupted', '');
  }

  error(name, value, traceback) {
    send(this.output, { type: 'error', name, value, traceback });
  }

  end() {
    this.running = 0;
    send(this.output, { type: 'done' });
  }

  // Code that waits for ever runs no JavaScript that could be stopped.
  giveUp() {
    if (!this.running) return;
    this.interrupted();
    this.end();
  }
}

const HOLD = Symbol.for('agentbay.kernel.hold');

function main(input, output) {
  const kernel = new Kernel(output);
  const directory = process.cwd();
  globalThis.require = createRequire(path.join(directory, 'kernel.js'));
  process.on('uncaughtException', (error) => console.error(error));
  process.on('unhandledRejection', (error) => console.error(error));
  const worker = new Worker(__filename, { workerData: { input } });
  worker.on('message', (message) => {
    if (message.type === 'run') kernel.run(message.code);
    else kernel.giveUp();
  });
  send(output, { type: 'ready' });
}

if (isMainThread) main(...process.argv.slice(-2).map(Number));
else control(workerData.input);
