from lambdacourse.runtime.examples import record

record()
