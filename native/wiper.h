#ifndef LUGE_WIPER_H_
#define LUGE_WIPER_H_

#include <cstddef>

namespace luge {

/** To be called once for each memory. False: it cannot be wiped by this. */
bool PrepareMemory(void* start, size_t bytes);

/** Makes it zeros. How many OS pages are resident now, or -1 if it could not be done: nothing is known of the contents then. */
long WipeMemory(void* start, size_t bytes);

/** Makes it zeros by giving its pages back. False if it could not be done. */
bool ReleaseMemory(void* start, size_t bytes);

}  // namespace luge

#endif
