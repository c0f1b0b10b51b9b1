#pragma once
#include "SealShims.h"
