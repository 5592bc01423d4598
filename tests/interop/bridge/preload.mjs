// Loaded into the agent's own bridge before anything else: its `env=local` is this node. The bridge has no setting for it.

import { ApiUrls } from '@xmtp/node-sdk';

ApiUrls.local = process.env.COWORKER_TEST_NODE;
