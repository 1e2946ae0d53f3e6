// Sends calls through RudderStack's own library for Node.js, with only the host changed: HOST KEY COUNT.
import RudderAnalytics from '@rudderstack/rudder-sdk-node'

const [host, writeKey, count] = process.argv.slice(2)
const analytics = new RudderAnalytics(writeKey, { dataPlaneUrl: host, logLevel: 'silent' })
const failures = []
const told = (error) => error && failures.push(String(error?.message ?? error))

analytics.identify({ userId: 'u1', traits: { email: 'aia@shop.example' } }, told)
analytics.page({ userId: 'u1', name: 'Basket', properties: { number: 0 } }, told)
for (let number = 1; number < Number(count); number += 1) {
  analytics.track({ userId: 'u1', event: 'Product Viewed', properties: { number } }, told)
}
await analytics.flush(told)
console.log(JSON.stringify({ failures }))
