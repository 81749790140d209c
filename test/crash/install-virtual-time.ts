/** To be imported before anything of `src`. */
import { installVirtualTime } from './virtual-time.ts'

installVirtualTime()
