#ifndef LUGE_AFFINITY_H_
#define LUGE_AFFINITY_H_

#include <vector>

namespace luge {

/** The cores that the calling thread may run on; empty if the system does not say. */
std::vector<unsigned> ThreadCores();

/** Lets the calling thread run on these only. 0, or the error of the system: EINVAL where none of them is there, or allowed. */
int PinThread(const std::vector<unsigned>& cores);

}  // namespace luge

#endif
