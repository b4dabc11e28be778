// What test/native/main.cc runs; each ends the program where something is not so.
#pragma once

void test_parts();
void test_raw();
void test_schedule();
void test_engine();
