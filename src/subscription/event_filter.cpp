#include "eventstore/subscription.hpp"
