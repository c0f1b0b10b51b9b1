import ArgumentParser
import GatewaySimulator

SimulatorCommand.main()
