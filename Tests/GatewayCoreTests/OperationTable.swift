/// What every event does in every state, reviewed by eye. `=` is nothing; actions in brackets; 1, 2, 3
/// are attempts, of which the outcome events are about the first.
let operationTable = """
  NEW
    start, start speculative, start charge: open [attempt 1]
    authorized, captured, canceled, refunded, received, pending, action, declined, not executed, \
  unknown, conflict, rejected, returned, answer authorized, answer pending, answer declined, \
  answer unknown, answer conflict: refused attemptUnknown
    exhausted, close unsent: closed abandoned, final [FACT 1 notExecuted]
    close: closed canceled, final [FACT 1 canceled]
    capture asked, capture canceled, capture done, capture received, capture declined, capture \
  rejected, capture not executed, capture unknown, capture withdrawn: refused notWon
    submit: refused noAction
    answer action, answer rejected, answer not executed: =
    give up: closed gaveUp, final [FACT 1 notExecuted]
  SENT
    start, start speculative, start charge: refused attemptUnderway
    authorized, answer authorized: won [1 is authorized, 1 wins, FACT 1 authorized, capture 4999 \
  queued]
    captured: won [1 is captured, 1 wins, FACT 1 conflicted, ALERT captured_without_request, \
  capture 4999 captured, FACT 2 captured]
    canceled: open [1 is canceled]
    refunded: open [1 is refunded]
    received, exhausted, close unsent, answer action, answer rejected, answer not executed: =
    pending, answer pending: open [1 is pending, FACT 1 pending]
    action: open [1 is requires_action, FACT 1 requiresAction]
    declined, rejected, answer declined: open [1 is declined]
    not executed: open [1 is not_executed]
    unknown, answer unknown: open [1 is unknown, look 1, FACT 1 unknown]
    conflict, answer conflict: open [FACT 1 conflicted, ALERT gateway_answer_conflicts, 1 is \
  unknown, look 1]
    close: closed canceled [condemn 1 reverse]
    capture asked, capture canceled, capture done, capture received, capture declined, capture \
  rejected, capture not executed, capture unknown, capture withdrawn: refused notWon
    returned: refused attemptUnknown
    submit: refused noAction
    give up: closed gaveUp [condemn 1 reverse]
  UNKNOWN
    start, start charge: refused outcomeUnknown
    start speculative: open [attempt 2]
    authorized, answer authorized: won [1 is authorized, 1 wins, FACT 2 authorized, capture 4999 \
  queued]
    captured: won [1 is captured, 1 wins, FACT 2 conflicted, ALERT captured_without_request, \
  capture 4999 captured, FACT 3 captured]
    canceled: open [1 is canceled]
    refunded: open [1 is refunded]
    received, not executed, unknown, exhausted, close unsent, answer action, answer rejected, \
  answer not executed, answer unknown: =
    pending, answer pending: open [1 is pending, FACT 2 pending]
    action: open [1 is requires_action, FACT 2 requiresAction]
    declined, answer declined: open [1 is declined]
    conflict, answer conflict: open [FACT 2 conflicted, ALERT gateway_answer_conflicts, 1 is \
  unknown]
    close: closed canceled [condemn 1 reverse]
    rejected: open [1 is unknown]
    capture asked, capture canceled, capture done, capture received, capture declined, capture \
  rejected, capture not executed, capture unknown, capture withdrawn: refused notWon
    returned: refused attemptUnknown
    submit: refused noAction
    give up: closed gaveUp [condemn 1 reverse]
  PENDING
    start, start speculative, start charge: refused attemptUnderway
    authorized, answer authorized: won [1 is authorized, 1 wins, FACT 2 authorized, capture 4999 \
  queued]
    captured: won [1 is captured, 1 wins, FACT 2 conflicted, ALERT captured_without_request, \
  capture 4999 captured, FACT 3 captured]
    canceled: open [1 is canceled]
    refunded: open [1 is refunded]
    received, pending, not executed, unknown, exhausted, close unsent, rejected, answer action, \
  answer pending, answer rejected, answer not executed, answer unknown: =
    action: open [1 is requires_action, FACT 2 requiresAction]
    declined, answer declined: open [1 is declined]
    conflict, answer conflict: open [FACT 2 conflicted, ALERT gateway_answer_conflicts, 1 is \
  pending]
    close: closed canceled [condemn 1 reverse]
    capture asked, capture canceled, capture done, capture received, capture declined, capture \
  rejected, capture not executed, capture unknown, capture withdrawn: refused notWon
    returned: refused attemptUnknown
    submit: refused noAction
    give up: closed gaveUp [condemn 1 reverse]
  ACTION
    start, start speculative, start charge: refused attemptUnderway
    authorized, answer authorized: won [1 is authorized, 1 wins, FACT 2 authorized, capture 4999 \
  queued]
    captured: won [1 is captured, 1 wins, FACT 2 conflicted, ALERT captured_without_request, \
  capture 4999 captured, FACT 3 captured]
    canceled: open [1 is canceled]
    refunded: open [1 is refunded]
    received, action, not executed, unknown, exhausted, close unsent, rejected, answer action, \
  answer rejected, answer not executed, answer unknown: =
    pending, answer pending: open [1 is pending, FACT 2 pending]
    declined, answer declined: open [1 is declined]
    conflict, answer conflict: open [FACT 2 conflicted, ALERT gateway_answer_conflicts, 1 is \
  requires_action]
    close: closed canceled [condemn 1 reverse]
    capture asked, capture canceled, capture done, capture received, capture declined, capture \
  rejected, capture not executed, capture unknown, capture withdrawn: refused notWon
    returned: refused attemptUnknown
    submit: open [1 is action_submitted, FACT 2 unknown]
    give up: closed gaveUp [FACT 2 unknown, condemn 1 reverse]
  SUBMITTED
    start, start speculative, start charge: refused attemptUnderway
    authorized, answer authorized: won [1 is authorized, 1 wins, FACT 3 authorized, capture 4999 \
  queued]
    captured: won [1 is captured, 1 wins, FACT 3 conflicted, ALERT captured_without_request, \
  capture 4999 captured, FACT 4 captured]
    canceled: open [1 is canceled]
    refunded: open [1 is refunded]
    received, action, not executed, unknown, exhausted, close unsent, rejected, answer unknown: =
    pending, answer pending: open [1 is pending, FACT 3 pending]
    declined, answer declined: open [1 is declined]
    conflict, answer conflict: open [FACT 3 conflicted, ALERT gateway_answer_conflicts, 1 is \
  action_submitted]
    close: closed canceled [condemn 1 reverse]
    capture asked, capture canceled, capture done, capture received, capture declined, capture \
  rejected, capture not executed, capture unknown, capture withdrawn: refused notWon
    returned: refused attemptUnknown
    submit: refused noAction
    answer action, answer rejected, answer not executed: open [1 is requires_action, FACT 3 \
  requiresAction]
    give up: closed gaveUp [condemn 1 reverse]
  DECLINED
    start, start speculative: open [condemn 1 reverse, attempt 2]
    start charge: refused outcomeUnknown
    authorized, answer authorized: won [1 is authorized, 1 wins, FACT 1 authorized, capture 4999 \
  queued]
    captured: won [1 is captured, 1 wins, FACT 1 conflicted, ALERT captured_without_request, \
  capture 4999 captured, FACT 2 captured]
    canceled, declined, answer declined: open [1 is declined]
    refunded: open [1 is refunded]
    received, pending, not executed, unknown, close unsent, rejected, answer action, answer \
  pending, answer rejected, answer not executed, answer unknown: =
    action: open [1 is requires_action, FACT 1 requiresAction]
    conflict, answer conflict: open [FACT 1 conflicted, ALERT gateway_answer_conflicts, 1 is \
  declined]
    exhausted: closed exhausted, final [condemn 1 reverse, FACT 1 declined]
    close: closed canceled [condemn 1 reverse]
    capture asked, capture canceled, capture done, capture received, capture declined, capture \
  rejected, capture not executed, capture unknown, capture withdrawn: refused notWon
    returned: refused attemptUnknown
    submit: refused noAction
    give up: closed gaveUp, final [condemn 1 reverse, FACT 1 declined]
  NEVER
    start, start speculative, start charge: refused declineForbids(GatewayCore.DeclineClass.never)
    authorized, answer authorized: won [1 is authorized, 1 wins, FACT 1 authorized, capture 4999 \
  queued]
    captured: won [1 is captured, 1 wins, FACT 1 conflicted, ALERT captured_without_request, \
  capture 4999 captured, FACT 2 captured]
    canceled, answer declined: open [1 is declined]
    refunded: open [1 is refunded]
    received, pending, declined, not executed, unknown, close unsent, rejected, answer action, \
  answer pending, answer rejected, answer not executed, answer unknown: =
    action: open [1 is requires_action, FACT 1 requiresAction]
    conflict, answer conflict: open [FACT 1 conflicted, ALERT gateway_answer_conflicts, 1 is \
  declined]
    exhausted: closed exhausted, final [condemn 1 reverse, FACT 1 declined]
    close: closed canceled [condemn 1 reverse]
    capture asked, capture canceled, capture done, capture received, capture declined, capture \
  rejected, capture not executed, capture unknown, capture withdrawn: refused notWon
    returned: refused attemptUnknown
    submit: refused noAction
    give up: closed gaveUp, final [condemn 1 reverse, FACT 1 declined]
  UNSENT
    start, start speculative, start charge: open [condemn 1, attempt 2]
    authorized, answer authorized: won [1 is authorized, ALERT evidence_contradicted, 1 wins, FACT \
  1 authorized, capture 4999 queued]
    captured: won [1 is captured, ALERT evidence_contradicted, 1 wins, FACT 1 conflicted, ALERT \
  captured_without_request, capture 4999 captured, FACT 2 captured]
    canceled, rejected: open [1 is not_executed]
    refunded: open [1 is refunded]
    received, not executed, unknown, close unsent, answer action, answer rejected, answer not \
  executed, answer unknown: =
    pending, answer pending: open [1 is pending, FACT 1 pending]
    action: open [1 is requires_action, FACT 1 requiresAction]
    declined, answer declined: open [1 is declined]
    conflict, answer conflict: open [FACT 1 conflicted, ALERT gateway_answer_conflicts, 1 is \
  not_executed]
    exhausted: closed exhausted, final [condemn 1, FACT 1 notExecuted]
    close: closed canceled, final [condemn 1, FACT 1 canceled]
    capture asked, capture canceled, capture done, capture received, capture declined, capture \
  rejected, capture not executed, capture unknown, capture withdrawn: refused notWon
    returned: refused attemptUnknown
    submit: refused noAction
    give up: closed gaveUp, final [condemn 1, FACT 1 notExecuted]
  BOTH
    start, start charge: refused outcomeUnknown
    start speculative: refused attemptUnderway
    authorized, answer authorized: won [1 is authorized, 1 wins, condemn 2 reverse, FACT 2 \
  authorized, capture 4999 queued]
    captured: won [1 is captured, 1 wins, condemn 2 reverse, FACT 2 conflicted, ALERT \
  captured_without_request, capture 4999 captured, FACT 3 captured]
    canceled: open [1 is canceled]
    refunded: open [1 is refunded]
    received, not executed, unknown, exhausted, close unsent, answer action, answer rejected, \
  answer not executed, answer unknown: =
    pending, answer pending: open [1 is pending, FACT 2 pending]
    action: open [1 is requires_action, FACT 2 requiresAction]
    declined, answer declined: open [1 is declined]
    conflict, answer conflict: open [FACT 2 conflicted, ALERT gateway_answer_conflicts, 1 is \
  unknown]
    close: closed canceled [condemn 1 reverse, condemn 2 reverse]
    rejected: open [1 is unknown]
    capture asked, capture canceled, capture done, capture received, capture declined, capture \
  rejected, capture not executed, capture unknown, capture withdrawn: refused notWon
    returned: refused attemptUnknown
    submit: refused noAction
    give up: closed gaveUp [condemn 1 reverse, condemn 2 reverse]
  WON
    start, start speculative, start charge, exhausted: refused notOpen
    authorized, refunded, received, pending, action, not executed, unknown, close, close unsent, \
  rejected, answer authorized, answer action, answer pending, answer rejected, answer not \
  executed, answer unknown, give up: =
    captured: won [capture is captured, FACT 2 captured, 1 is captured]
    canceled, declined, capture canceled, answer declined: won, final [capture is failed, 1 is \
  canceled, FACT 2 expired]
    conflict, answer conflict: won [FACT 2 conflicted, ALERT gateway_answer_conflicts, 1 is \
  authorized]
    capture asked: refused captureExists
    capture done: won [capture is captured, 1 is captured, FACT 2 captured]
    capture received: won [capture is sent]
    capture declined: won [FACT 2 captureFailed, capture is failed]
    capture rejected, capture unknown: won [look 1, capture is unknown]
    capture not executed: won [repeat capture]
    returned: refused attemptUnknown
    capture withdrawn: won, releasing [FACT 2 captureFailed, capture is failed, release 1]
    submit: refused noAction
  CAPTURING?
    start, start speculative, start charge, exhausted: refused notOpen
    authorized: won [capture is queued, repeat capture new try]
    captured: won [capture is captured, FACT 2 captured, 1 is captured]
    canceled, declined, capture canceled, answer declined: won, final [capture is failed, 1 is \
  canceled, FACT 2 expired]
    refunded, received, pending, action, not executed, unknown, close, close unsent, rejected, \
  capture withdrawn, answer authorized, answer action, answer pending, answer rejected, answer not \
  executed, answer unknown, give up: =
    conflict, answer conflict: won [FACT 2 conflicted, ALERT gateway_answer_conflicts, 1 is \
  authorized]
    capture asked: refused captureExists
    capture done: won [capture is captured, 1 is captured, FACT 2 captured]
    capture received: won [capture is sent]
    capture declined: won [FACT 2 captureFailed, capture is failed]
    capture rejected, capture not executed, capture unknown: won [look 1]
    returned: refused attemptUnknown
    submit: refused noAction
  HELD
    start, start speculative, start charge, exhausted: refused notOpen
    authorized, refunded, received, pending, action, not executed, unknown, close unsent, \
  rejected, answer authorized, answer action, answer pending, answer rejected, answer not \
  executed, answer unknown: =
    captured: won [FACT 2 conflicted, ALERT captured_without_request, capture 4999 captured, FACT \
  3 captured, 1 is captured]
    canceled, declined, answer declined: won, final [1 is canceled, FACT 2 expired]
    conflict, answer conflict: won [FACT 2 conflicted, ALERT gateway_answer_conflicts, 1 is \
  authorized]
    close, give up: won, releasing [release 1]
    capture asked: won [capture 4000 queued]
    capture canceled, capture done, capture received, capture declined, capture rejected, capture \
  not executed, capture unknown, capture withdrawn: refused captureUnknown
    returned: refused attemptUnknown
    submit: refused noAction
  RELEASING
    start, start speculative, start charge, exhausted: refused notOpen
    authorized, refunded, received, pending, action, not executed, unknown, close, close unsent, \
  rejected, answer authorized, answer action, answer pending, answer rejected, answer not \
  executed, answer unknown, give up: =
    captured: won, releasing [FACT 2 conflicted, ALERT captured_without_request, capture 4999 \
  captured, FACT 3 captured, 1 is captured]
    canceled, declined, answer declined: won, releasing, final [1 is canceled, FACT 2 canceled]
    conflict, answer conflict: won, releasing [FACT 2 conflicted, ALERT gateway_answer_conflicts, \
  1 is authorized]
    capture asked: refused releasing
    capture canceled, capture done, capture received, capture declined, capture rejected, capture \
  not executed, capture unknown, capture withdrawn: refused captureUnknown
    returned: refused attemptUnknown
    submit: refused noAction
  LAPSED
    start, start speculative, start charge, exhausted: refused notOpen
    authorized, canceled, refunded, received, pending, action, declined, not executed, unknown, \
  close, close unsent, rejected, answer authorized, answer action, answer pending, answer \
  declined, answer rejected, answer not executed, answer unknown, give up: =
    captured: won, final [FACT 3 conflicted, ALERT captured_without_request, capture 4999 \
  captured, FACT 4 captured, 1 is captured]
    conflict, answer conflict: won, final [FACT 3 conflicted, ALERT gateway_answer_conflicts, 1 is \
  canceled]
    capture asked: refused releasing
    capture canceled, capture done, capture received, capture declined, capture rejected, capture \
  not executed, capture unknown, capture withdrawn: refused captureUnknown
    returned: refused attemptUnknown
    submit: refused noAction
  PAID
    start, start speculative, start charge, exhausted: refused notOpen
    authorized, captured, canceled, refunded, received, pending, action, declined, not executed, \
  unknown, close, close unsent, rejected, capture canceled, capture done, capture received, \
  capture rejected, capture not executed, capture unknown, capture withdrawn, answer authorized, \
  answer action, answer pending, answer declined, answer rejected, answer not executed, answer \
  unknown, give up: =
    conflict, answer conflict: won [FACT 3 conflicted, ALERT gateway_answer_conflicts, 1 is \
  captured]
    capture asked: refused captureExists
    capture declined: won [ALERT capture_failed_late, FACT 3 captureFailed, capture is failed]
    returned: refused attemptUnknown
    submit: refused noAction
  OTHER WON
    start, start speculative, start charge, exhausted: refused notOpen
    authorized, answer authorized: won [1 is authorized, reverse 1]
    captured: won [1 is captured, FACT 3 orphanCaptured, ALERT orphan_captured, reverse 1]
    canceled: won [1 is canceled, reversed 1]
    refunded: won [1 is refunded, FACT 3 orphanCaptured, FACT 4 orphanReversed, OVER \
  orphan_captured, reversed 1]
    received, not executed, unknown, close, close unsent, answer action, answer rejected, answer \
  not executed, answer unknown, give up: =
    pending, answer pending: won [1 is pending, reverse 1]
    action: won [1 is requires_action, reverse 1]
    declined, answer declined: won [1 is declined]
    conflict, answer conflict: won [FACT 3 conflicted, ALERT gateway_answer_conflicts, 1 is unknown]
    rejected: won [1 is unknown]
    capture asked: refused captureExists
    capture canceled: won [capture is failed, 2 is canceled]
    capture done: won [capture is captured, 2 is captured, FACT 3 captured]
    capture received: won [capture is sent]
    capture declined: won [FACT 3 captureFailed, capture is failed]
    capture rejected, capture unknown: won [look 2, capture is unknown]
    capture not executed: won [repeat capture]
    returned: won [1 is returned, FACT 3 orphanCaptured, FACT 4 orphanReversed, OVER \
  orphan_captured, reversed 1]
    capture withdrawn: won, releasing [FACT 3 captureFailed, capture is failed, release 2]
    submit: refused noAction
  GAVE UP
    start, start speculative, start charge, exhausted: refused notOpen
    authorized, answer authorized: closed gaveUp [1 is authorized, reverse 1]
    captured: closed gaveUp [1 is captured, FACT 2 orphanCaptured, ALERT orphan_captured, reverse 1]
    canceled: closed gaveUp, final [1 is canceled, reversed 1, FACT 2 canceled]
    refunded: closed gaveUp, final [1 is refunded, FACT 2 orphanCaptured, FACT 3 orphanReversed, \
  OVER orphan_captured, reversed 1, FACT 4 canceled]
    received, not executed, unknown, close, close unsent, answer action, answer rejected, answer \
  not executed, answer unknown, give up: =
    pending, answer pending: closed gaveUp [1 is pending, reverse 1]
    action: closed gaveUp [1 is requires_action, reverse 1]
    declined, answer declined: closed gaveUp, final [1 is declined, FACT 2 declined]
    conflict, answer conflict: closed gaveUp [FACT 2 conflicted, ALERT gateway_answer_conflicts, 1 \
  is unknown]
    rejected: closed gaveUp [1 is unknown]
    capture asked, capture canceled, capture done, capture received, capture declined, capture \
  rejected, capture not executed, capture unknown, capture withdrawn: refused notWon
    returned: closed gaveUp, final [1 is returned, FACT 2 orphanCaptured, FACT 3 orphanReversed, \
  OVER orphan_captured, reversed 1, FACT 4 canceled]
    submit: refused noAction
  EXHAUSTED
    start, start speculative, start charge, exhausted: refused notOpen
    authorized, answer authorized: closed exhausted, final [1 is authorized, reverse 1]
    captured: closed exhausted, final [1 is captured, FACT 2 orphanCaptured, ALERT \
  orphan_captured, reverse 1]
    canceled: closed exhausted, final [1 is declined, reversed 1]
    refunded: closed exhausted, final [1 is refunded, FACT 2 orphanCaptured, FACT 3 \
  orphanReversed, OVER orphan_captured, reversed 1]
    received, pending, declined, not executed, unknown, close, close unsent, rejected, answer \
  action, answer pending, answer rejected, answer not executed, answer unknown, give up: =
    action: closed exhausted, final [1 is requires_action, reverse 1]
    conflict, answer conflict: closed exhausted, final [FACT 2 conflicted, ALERT \
  gateway_answer_conflicts, 1 is declined]
    capture asked, capture canceled, capture done, capture received, capture declined, capture \
  rejected, capture not executed, capture unknown, capture withdrawn: refused notWon
    returned: closed exhausted, final [1 is returned, FACT 2 orphanCaptured, FACT 3 \
  orphanReversed, OVER orphan_captured, reversed 1]
    submit: refused noAction
    answer declined: closed exhausted, final [1 is declined]
  CANCELED
    start, start speculative, start charge, exhausted: refused notOpen
    authorized, captured, canceled, refunded, received, pending, action, declined, not executed, \
  unknown, conflict, rejected, returned, answer authorized, answer pending, answer declined, \
  answer unknown, answer conflict: refused attemptUnknown
    close, close unsent, answer action, answer rejected, answer not executed, give up: =
    capture asked, capture canceled, capture done, capture received, capture declined, capture \
  rejected, capture not executed, capture unknown, capture withdrawn: refused notWon
    submit: refused noAction
  """
