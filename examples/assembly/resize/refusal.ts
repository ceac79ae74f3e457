// Why a picture was refused. AssemblyScript has no exceptions to catch, so whatever can fail answers
// false, and the first reason, which is the true one, is kept here for the response.

let code: i32 = 0;
let reason: string = '';

/** Always false, so that a caller can `return refuse(…)`. */
export function refuse(status: i32, message: string): bool {
  if (code == 0) {
    code = status;
    reason = message;
  }
  return false;
}

export function refusedStatus(): i32 {
  return code;
}

export function refusedReason(): string {
  return reason;
}
