// Sends calls through Segment's own library for Node.js, with only the host changed: HOST KEY COUNT PAUSE_MS.
// Says `sent N` on standard output whenever a hundred calls were handed to the library, and at last `done`.
import { Analytics } from '@segment/analytics-node'

const [host, writeKey, count, pause] = process.argv.slice(2)
const analytics = new Analytics({ writeKey, host })
const failures = []
analytics.on('error', (error) => failures.push(String(error?.reason ?? error?.message ?? error)))

for (let number = 0; number < Number(count); number += 1) {
  analytics.track({ userId: `u${number % 50}`, event: 'Product Viewed', properties: { number } })
  if (number % 20 === 19) {
    console.log(`sent ${number + 1}`)
    await new Promise((resolve) => setTimeout(resolve, Number(pause)))
  }
}
await analytics.closeAndFlush({ timeout: 60000 })
console.log(JSON.stringify({ failures }))
console.log('done')
