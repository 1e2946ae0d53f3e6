// Sends calls through RudderStack's own library for Node.js without a pause, until standard input is closed: HOST KEY.
import RudderAnalytics from '@rudderstack/rudder-sdk-node'

const [host, writeKey] = process.argv.slice(2)
const analytics = new RudderAnalytics(writeKey, { dataPlaneUrl: host, logLevel: 'silent', flushAt: 5, flushInterval: 200 })
const failures = []
const told = (error) => error && failures.push(String(error?.message ?? error))
let enough = false
process.stdin.on('close', () => { enough = true }).resume()

let number = 0
for (; !enough; number += 1) {
  analytics.track({ userId: `n${number}`, event: 'Seen', properties: { node: number } }, told)
  await new Promise((resolve) => setTimeout(resolve, 40))
}
await analytics.flush(told)
console.log(JSON.stringify({ number, failures }))
