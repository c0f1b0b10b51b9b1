#if TENDER_FAULTS
  import Faults
  import Foundation
  import Glibc
  import TestSupport
  import Testing

  struct FaultOrdersTests {
    @Test func whatIsOrderedIsRead() throws {
      let orders = try FaultOrders(
        crashAt: "after_send:3, after_claim", sabotage: "no_fence,high_water_relay",
        clockShift: "-3600")
      #expect(orders.crashes == [.afterSend: 3, .afterClaim: 1])
      #expect(orders.sabotages == [.noFence, .highWaterRelay])
      #expect(orders.clockShiftSeconds == -3_600)
    }

    @Test(arguments: [
      ("after_lunch", nil, nil), ("after_send:0", nil, nil), ("after_send:1:2", nil, nil),
      ("after_send:1001", nil, nil), (nil, "no_brakes", nil), (nil, nil, "7201"),
      (nil, nil, "an hour"),
    ] as [(String?, String?, String?)])
    func whatIsNoOrderIsRefused(_ crash: String?, _ sabotage: String?, _ clock: String?) {
      #expect(throws: FaultOrders.Unreadable.self) {
        try FaultOrders(crashAt: crash, sabotage: sabotage, clockShift: clock)
      }
    }

    @Test func nothingIsOrderedBySilence() throws {
      #expect(try FaultOrders(crashAt: nil, sabotage: nil, clockShift: nil) == FaultOrders())
      #expect(try FaultOrders(crashAt: "", sabotage: " ", clockShift: nil) == FaultOrders())
    }
  }

  /// What is armed belongs to the process: one test at a time.
  @Suite(.serialized) struct FaultsTests {
    @Test func aPointIsDueAtItsPassageAndNeverAgain() throws {
      Faults.begin(
        try FaultOrders(crashAt: "after_winner:3", sabotage: nil, clockShift: nil), board: nil)
      let passages = (1...5).map { _ in CrashPoint.afterWinner.isDue() }
      #expect(passages == [false, false, true, false, false])
      #expect(!CrashPoint.afterSend.isDue())
    }

    @Test func theBoardArmsAndWithdraws() throws {
      let folder = try makeTemporaryDirectory()
      defer { rmtree(folder) }
      let board = FaultBoard(root: folder, service: "intents")
      Faults.begin(FaultOrders(), board: board)
      #expect(board.arm(.afterClaim, passage: 2))
      Faults.follow(board.crashes())
      #expect(!CrashPoint.afterClaim.isDue())
      // Looking again does not count from the start.
      Faults.follow(board.crashes())
      #expect(CrashPoint.afterClaim.isDue())
      #expect(board.arm(.afterWinner, passage: 1))
      Faults.follow(board.crashes())
      #expect(!board.settle(.afterWinner))
      Faults.follow(board.crashes())
      #expect(!CrashPoint.afterWinner.isDue())
    }

    @Test func theBoardShiftsTheClockAndSetsItRight() throws {
      let folder = try makeTemporaryDirectory()
      defer { rmtree(folder) }
      let board = FaultBoard(root: folder, service: "intents")
      #expect(board.clockShiftSeconds() == 0)
      for seconds in [Int64(3_600), -120] {
        #expect(board.shiftClock(seconds: seconds) && board.clockShiftSeconds() == seconds)
      }
      // Also where it is right already.
      for _ in 0..<2 { #expect(board.shiftClock(seconds: 0) && board.clockShiftSeconds() == 0) }
    }

    @Test func aProcessDiesAndItsSuccessorDoesNot() throws {
      let folder = try makeTemporaryDirectory()
      defer { rmtree(folder) }
      let board = FaultBoard(root: folder, service: "intents")
      #expect(board.arm(.afterClaim, passage: 1))
      #expect(Self.end { Self.follow(board, .afterClaim) } == SIGKILL)
      #expect(board.hasFired(.afterClaim))
      #expect(Self.end { Self.follow(board, .afterClaim) } == 0)
      #expect(board.settle(.afterClaim))
      #expect(!board.settle(.afterClaim))
    }

    @Test func aCrashOfTheSettingsLeavesItsMark() throws {
      let folder = try makeTemporaryDirectory()
      defer { rmtree(folder) }
      let board = FaultBoard(root: folder, service: "ledger")
      let orders = try FaultOrders(crashAt: "after_outbox_send", sabotage: nil, clockShift: nil)
      for expected in [SIGKILL, 0] {
        let ended = Self.end {
          Faults.begin(orders, board: board)
          CrashPoint.afterOutboxSend.pass()
        }
        #expect(ended == expected)
      }
    }

    @Test func switchesAndClockAreOfTheProcess() throws {
      Faults.begin(
        try FaultOrders(crashAt: nil, sabotage: "code_as_proof", clockShift: "60"), board: nil)
      #expect(Sabotage.allCases.filter(\.isOn) == [.codeAsProof])
      #expect(Faults.clockShiftMicroseconds == 60_000_000)
      Faults.begin(FaultOrders(), board: nil)
      #expect(Sabotage.allCases.allSatisfy { !$0.isOn } && Faults.clockShiftMicroseconds == 0)
    }

    private static func follow(_ board: FaultBoard, _ point: CrashPoint) {
      Faults.begin(FaultOrders(), board: board)
      Faults.follow(board.crashes())
      point.pass()
    }

    private func rmtree(_ folder: String) {
      _ = try? FileManager.default.removeItem(atPath: folder)
    }

    /// Runs `body` in a process of its own.
    /// - Returns: the signal that ended it; 0 when it ended by itself.
    private static func end(_ body: () -> Void) -> Int32 {
      let child = forkProcess()
      if child == 0 {
        body()
        _exit(0)
      }
      var status: Int32 = 0
      while waitpid(child, &status, 0) < 0 && errno == EINTR {}
      return status & 0x7f
    }

    /// Swift does not import `fork`.
    private static func forkProcess() -> pid_t {
      typealias Fork = @convention(c) () -> pid_t
      guard let symbol = dlsym(nil, "fork") else { return -1 }
      return unsafeBitCast(symbol, to: Fork.self)()
    }
  }
#endif
