using System.Data;
using System.Data.Common;
using System.Diagnostics.CodeAnalysis;
using System.Net.Sockets;
using Adcp.Aot.Storage.Tests.Databases;
using MySqlConnector;

namespace Adcp.Aot.Storage.Tests.Sql;

/// <summary>One row for each code whose cause is known, and for unknown ones.</summary>
public sealed class SqlFaultsTests
{
    [Theory]
    [InlineData(nameof(SqlFault.Row), "21000", "22001", "22021", "22P02", "23502", "23505", "23514", "44000", "45000")]
    [InlineData(nameof(SqlFault.Row), "54000", "54001", "54011", "54023", "P0001", "08P01")]
    [InlineData(nameof(SqlFault.Row), "0A000", "55000", "XX000", "HV000", "99999", "ABCDE")] // not known: the rows'
    [InlineData(nameof(SqlFault.Slow), "57014", "25P04", "53200", "70100")]
    [InlineData(nameof(SqlFault.Unavailable), "40001", "40P01", "53000", "53100", "53300", "53400")]
    [InlineData(nameof(SqlFault.Unavailable), "25006", "25P02", "25P03", "26000", "55P03", "55006", "57000", "57P01", "57P03", "57P05")]
    [InlineData(nameof(SqlFault.Unavailable), "58000", "58030", "58P01", "F0000", "08001", "08004")]
    [InlineData(nameof(SqlFault.InDoubt), "08000", "08003", "08006", "08007", "40003", "57P02")]
    [InlineData(nameof(SqlFault.Permanent), "28P01", "28000", "3D000", "3F000", "42P01", "42703", "42501", "42601")]
    [InlineData(nameof(SqlFault.Permanent), "XX001", "XX002", "57P04")]
    public void State_of_an_open_connection_has_its_cause(string cause, params string[] states) =>
        Assert.All(states, state => Assert.Equal(cause, Of(new FaultException("refused", state))));

    [Theory]
    [InlineData(nameof(SqlFault.Row), "HY000", 1366, 1364, 1105, 1390, 3819, 4025, 1197, 9999)] // 1105 and 9999: not known
    [InlineData(nameof(SqlFault.Row), "22001", 1406, 1264, 1265, 1690)]
    [InlineData(nameof(SqlFault.Row), "23000", 1048, 1062, 1452)]
    [InlineData(nameof(SqlFault.Row), "08S01", 1153)]
    [InlineData(nameof(SqlFault.Row), "42000", 1118)]
    [InlineData(nameof(SqlFault.Slow), "HY000", 1206, 3024)]
    [InlineData(nameof(SqlFault.Slow), "70100", 1317, 1969)]
    [InlineData(nameof(SqlFault.Unavailable), "HY000", 1021, 1026, 1030, 1036, 1114, 1205, 1290, 1836, 4031, 1135)]
    [InlineData(nameof(SqlFault.Unavailable), "25006", 1792)]
    [InlineData(nameof(SqlFault.Unavailable), "40001", 1213)]
    [InlineData(nameof(SqlFault.Unavailable), "42000", 1203, 1226, 1461)]
    [InlineData(nameof(SqlFault.Unavailable), "08004", 1040)]
    [InlineData(nameof(SqlFault.Unavailable), "08S01", 1042, 1043, 1047)]
    [InlineData(nameof(SqlFault.InDoubt), "08S01", 1053, 1077, 1079, 1152, 1158, 1159, 1160, 1161, 1184)]
    [InlineData(nameof(SqlFault.Unavailable), "HY000", 1020, 1223, 1412, 1637, 1297, 3032, 3100, 3168, 1015, 1016, 1024, 1878)]
    [InlineData(nameof(SqlFault.Unavailable), "HY000", 1615)]
    [InlineData(nameof(SqlFault.InDoubt), "08S01", 1154, 1155, 1156, 1157)]
    [InlineData(nameof(SqlFault.InDoubt), "HY000", 1078, 3169)]
    [InlineData(nameof(SqlFault.Permanent), "HY000", 1033, 1288, 1356, 1449, 1471, 1712, 1812, 1814, 1820, 1877)]
    [InlineData(nameof(SqlFault.InDoubt), "70100", 1927)]
    [InlineData(nameof(SqlFault.InDoubt), "HY000", 2006, 2013, 2055, 1180)]
    [InlineData(nameof(SqlFault.Permanent), "42S02", 1146)]
    [InlineData(nameof(SqlFault.Permanent), "42000", 1044, 1064, 1142)]
    [InlineData(nameof(SqlFault.Permanent), "28000", 1045)]
    [InlineData(nameof(SqlFault.Permanent), "HY000", 1034, 1194)]
    public void Number_of_mysql_decides_before_its_state(string cause, string state, params int[] numbers) =>
        Assert.All(numbers, number => Assert.Equal(cause, Of(new FaultException("refused", state, number))));

    [Theory]
    [InlineData(nameof(SqlFault.Row), 2, 18, 19, 20, 99)]
    [InlineData(nameof(SqlFault.Slow), 9)]
    [InlineData(nameof(SqlFault.Unavailable), 4, 5, 6, 7, 8, 10, 13, 14, 15, 17, 22)]
    [InlineData(nameof(SqlFault.Unavailable), 261, 517, 773, 262, 266, 522, 778, 1032, 1544, 526)] // extended
    [InlineData(nameof(SqlFault.Row), 275, 787, 1299, 1555, 2067, 3091)] // extended
    [InlineData(nameof(SqlFault.Permanent), 267, 523)] // extended
    [InlineData(nameof(SqlFault.Permanent), 3, 11, 21, 23, 26)]
    public void Result_code_of_sqlite_has_its_cause(string cause, params int[] codes) =>
        Assert.All(codes, code => Assert.Equal(cause, Of(new FaultException($"SQLite Error {code}: 'text'."))));

    [Theory]
    [InlineData(nameof(SqlFault.Permanent), "no such table: t")]
    [InlineData(nameof(SqlFault.Permanent), "table t has no column named c")]
    [InlineData(nameof(SqlFault.Permanent), "near \"x\": syntax error")]
    [InlineData(nameof(SqlFault.Permanent), "cannot modify v because it is a view")]
    [InlineData(nameof(SqlFault.Row), "malformed JSON")]
    public void General_error_of_sqlite_is_the_tables_only_if_it_names_it(string cause, string text) =>
        Assert.Equal(cause, Of(new FaultException($"SQLite Error 1: '{text}'.")));

    [Fact]
    public void Driver_that_gave_up_waiting_stopped_the_statement_if_the_connection_survived()
    {
        FaultException npgsql = new("Exception while reading from stream", inner: new TimeoutException(), isTransient: true);
        FaultException mySql = new("The Command Timeout expired", mySqlNumber: (int)MySqlErrorCode.CommandTimeoutExpired);

        Assert.Equal(SqlFault.Slow, SqlFaults.Of(npgsql, Connection(open: true)));
        Assert.Equal(SqlFault.Slow, SqlFaults.Of(mySql, Connection(open: true)));
        Assert.Equal(SqlFault.InDoubt, SqlFaults.Of(npgsql, Connection(open: false)));
        Assert.Equal(SqlFault.InDoubt, SqlFaults.Of(mySql, Connection(open: false)));
    }

    [Theory]
    [InlineData("08P01", "server conn crashed?")]
    [InlineData("08P01", "query_wait_timeout")]
    [InlineData("XX000", "MaxClientsInSessionMode: max clients reached")]
    [InlineData("22000", "a pooler's own code")]
    [InlineData("P0001", "terminated by policy")]
    public void Pooler_that_closes_the_connection_rejects_no_row(string state, string message)
    {
        Assert.Equal(SqlFault.InDoubt, SqlFaults.Of(new FaultException(message, state), Connection(open: false)));
        Assert.Equal(SqlFault.Row, SqlFaults.Of(new FaultException(message, state), Connection(open: true)));
    }

    [Fact]
    public void Packet_that_is_too_large_is_the_rows_although_mysql_closes_the_connection() =>
        Assert.Equal(SqlFault.Row, SqlFaults.Of(new FaultException("too large", "08S01", 1153), Connection(open: false)));

    [Fact]
    public void Lost_connection_leaves_a_statement_in_doubt_whatever_the_driver_says()
    {
        Assert.Equal(SqlFault.InDoubt, SqlFaults.Of(new IOException(), Connection(open: true)));
        Assert.Equal(nameof(SqlFault.InDoubt), Of(new FaultException("no words", inner: new SocketException(104))));
        Assert.Equal(SqlFault.InDoubt, SqlFaults.Of(new InvalidOperationException("Connection is not open"), Connection(open: false)));
        Assert.Equal(SqlFault.InDoubt, SqlFaults.Of(new FaultException("no words"), Connection(open: false)));
        Assert.Equal(SqlFault.InDoubt, SqlFaults.Of(new FaultException("no words", isTransient: true), Connection(open: true)));
        Assert.Equal(SqlFault.InDoubt, SqlFaults.Of(new OperationCanceledException(), Connection(open: true)));
    }

    [Fact]
    public void Fault_that_nothing_knows_is_unknown_and_a_value_that_cannot_be_sent_is_its_rows()
    {
        Assert.Equal(nameof(SqlFault.Unknown), Of(new FaultException("A statement cannot have more than 65535 parameters")));
        Assert.Equal(SqlFault.Unknown, SqlFaults.Of(new InvalidOperationException("A bug of a driver"), Connection(open: true)));
        Assert.Equal(SqlFault.Row, SqlFaults.Of(new SqlRowException("c", new IOException()), Connection(open: true)));
        Assert.Equal(SqlFault.Row, SqlFaults.Of(new System.Text.EncoderFallbackException(), Connection(open: true)));
    }

    [Fact]
    public void Server_that_takes_no_connection_now_is_waited_for_and_one_that_refuses_it_for_good_is_not()
    {
        DbException[] passing =
        [
            new FaultException("", "53300"), new FaultException("", "57P03"), new FaultException("", "42000", 1203),
            new FaultException("", null, 1042), new FaultException(""),
        ];
        Exception[] final =
        [
            new FaultException("", "28P01"), new FaultException("", "3D000"), new FaultException("", "28000", 1045),
            new ObjectDisposedException("source"),
        ];

        Assert.All(passing, static fault => Assert.Equal(SqlFault.Unavailable, SqlFaults.OfOpening(fault)));
        Assert.All(final, static fault => Assert.Equal(SqlFault.Permanent, SqlFaults.OfOpening(fault)));
    }

    [Fact]
    public void Read_only_server_is_known_by_its_codes()
    {
        Assert.True(SqlFaults.IsReadOnly(new FaultException("", "25006")));
        Assert.True(SqlFaults.IsDemoted(new FaultException("", "25006")));
        Assert.True(SqlFaults.IsDemoted(new FaultException("cannot set transaction read-write mode during recovery", "0A000")));
        Assert.False(SqlFaults.IsReadOnly(new FaultException("cannot insert into column of view", "0A000")));
        Assert.All(new[] { 1290, 1792, 1836 }, static number => Assert.True(SqlFaults.IsReadOnly(new FaultException("", "HY000", number))));
        Assert.False(SqlFaults.IsReadOnly(new FaultException("", "25P02")));
        Assert.False(SqlFaults.IsReadOnly(new IOException()));
    }

    private static string Of(Exception fault) => SqlFaults.Of(fault, Connection(open: true)).ToString();

    private static StateOnly Connection(bool open) => new(open ? ConnectionState.Open : ConnectionState.Closed);

    private sealed class StateOnly(ConnectionState state) : DbConnection
    {
        [AllowNull]
        public override string ConnectionString { get; set; } = "";

        public override string Database => "";

        public override string DataSource => "";

        public override string ServerVersion => "";

        public override ConnectionState State => state;

        public override void ChangeDatabase(string databaseName) => throw new NotSupportedException();

        public override void Close() => throw new NotSupportedException();

        public override void Open() => throw new NotSupportedException();

        protected override DbTransaction BeginDbTransaction(IsolationLevel isolationLevel) => throw new NotSupportedException();

        protected override DbCommand CreateDbCommand() => throw new NotSupportedException();
    }
}
