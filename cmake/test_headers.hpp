// What the build with sanitizers precompiles for tests.
#include "library_headers.hpp"

#include <gtest/gtest.h>
