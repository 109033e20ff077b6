// A seam for tests: the lab tells its caller each step of set-up and unwinding
// as it comes to it, so that a test can end the program at exactly that point.
#pragma once

#include <functional>
#include <span>
#include <string_view>

namespace netstall {

// Called with a step's name right after the step. At a step of set-up it may
// throw; at one of unwinding it must not. Empty: nobody listens.
using StepHook = std::function<void(std::string_view step)>;

// Every name a hook can be called with, in the order of a whole life: Guardian
// start, Lab set-up, Lab unwinding, Guardian finish.
std::span<const std::string_view> lab_steps();

}  // namespace netstall
