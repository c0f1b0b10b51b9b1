#pragma once

#include "WireArena.h"
#include "WireDescriptorBytes.h"
#include "WireMessages.h"
